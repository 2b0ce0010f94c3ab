# shellcheck shell=sh
# shellcheck disable=SC2154
# What a directory tree is, as lines that can be compared with a manifest. Each function looks
# at the current directory. Few processes, never a fork per file (busybox find lacks -printf; links
# are few, so the fallback may fork for them). Lists of what differs end with the line `=`: without
# it a program has died over them, and that nothing was said means nothing. Needs: owner group hash.

# Whether the current directory is what the manifest's text $1 says, and all of it the owner's and
# the group's: one walk, and what differs need not be known. Nearly always that is the answer. A no
# may also mean that it cannot be said in this way (busybox): then the lists below tell.
is_tree() {
	find . \( -name "*$nl*" -o -lname "*$nl*" -o ! -user "$owner" -o ! -group "$group" \) -printf 'x\n' , \
		-type d -printf 'd %m %p\n' -o -type f -printf 'f %m %s %p\n' \
		-o -type l -printf 'l 777 %p -> %l\n' -o -printf '? %m %p\n' 2>/dev/null | sort | cmp -s - "$1"
}
# Whether files hold what the manifest's text $1 says; only behind is_tree, because what is read by
# name could be a link or a pipe. openssl is three times as fast and takes longer to start: the
# control machine knows which of the two counts.
are_sums() {
	if [ "$hash" = openssl ] && command -v openssl >/dev/null 2>&1; then
		find . -type f -exec openssl dgst -sha256 -r {} + 2>/dev/null | sed 's/ \*/  /' | sort | cmp -s - "$1"
	else
		sha256sum -c "$1" >/dev/null 2>&1
	fi
}
# The lines `? N .` say that a program has died over it. No line stands here twice: two of a kind
# would pass for one that is in the manifest too.
list_tree() {
	# A name with a line break could pass for lines of the manifest, and hide what it is or that
	# another is missing; so could the target of a link. Where find has no -printf, it says so here.
	case $(find . \( -name "*$nl*" -o -lname "*$nl*" \) -printf x -quit 2>&1 && echo '=') in
	'=') ;;
	'x=') echo 'n 0 .' ;;
	*)
		[ "$(find . -name "*$nl*" && echo '=')" = '=' ] || echo 'n 0 .'
		find . -type d -exec stat -c 'd %a %n' {} + || echo '? 1 .'
		find . -type f -exec stat -c 'f %a %s %n' {} + || echo '? 2 .'
		{ find . -type l || echo; } | while IFS= read -r link; do
			# The sign keeps line breaks at the target's end.
			target=$(readlink "$link" && echo '=')
			target=${target%"$nl="}
			case $link$nl$target in
			"$nl"*) echo '? 3 .' ;;
			*"$nl"*"$nl"*) echo "n 0 $link" ;;
			*) printf 'l 777 %s -> %s\n' "$link" "$target" ;;
			esac
		done
		find . ! -type d ! -type f ! -type l -exec stat -c '? %a %n' {} + || echo '? 4 .'
		return 0
		;;
	esac
	find . -type d -printf 'd %m %p\n' -o -type f -printf 'f %m %s %p\n' \
		-o -type l -printf 'l 777 %p -> %l\n' -o -printf '? %m %p\n' || echo '? 5 .'
}
list_sums() {
	find . -type f -exec sha256sum {} +
}
# Lines that stand either only in the text on stdin or only in the file $1; where, the control
# machine knows. A comparison that did not take place is a difference.
differences() {
	{ sort - "$1" || echo "? 0 .$nl?  ./?"; } | uniq -u && echo '='
}
# What has another owner or group. $1 owner, $2 group.
list_strangers() {
	find . \( ! -user "$1" -o ! -group "$2" \) -exec stat -c 'o %U:%G %n' {} + || echo 'o ?:? .'
	echo '='
}
# Tells where the current directory deviates from the manifest's text $1.
compare_tree() {
	whole=no
	is_tree "$1" && whole=yes
	opens tree_differs
	if [ "$whole" = yes ]; then echo '='; else list_tree | differences "$1"; fi >&3
	closes
	opens strangers
	if [ "$whole" = yes ]; then echo '='; else list_strangers "$owner" "$group"; fi >&3
	closes
}
# Behind compare_tree.
compare_sums() {
	opens sums_differ
	if [ "$whole" = yes ] && are_sums "$1"; then echo '='; else list_sums | differences "$1"; fi >&3
	closes
}
