# shellcheck shell=sh
# shellcheck disable=SC2154
# What a directory tree is, as lines that can be compared with a manifest. Each function looks
# at the current directory. Few processes, never a fork per file (busybox find lacks -printf; links
# are few, so the fallback may fork for them).
list_tree() {
	# A name with a line break could pass for lines of the manifest, and hide what it is. Where find
	# has no -printf, it says so here.
	case $(find . -name "*$nl*" -printf x -quit 2>&1) in
	'') ;;
	x) echo 'n 0 .' ;;
	*)
		[ -z "$(find . -name "*$nl*")" ] || echo 'n 0 .'
		find . -type d -exec stat -c 'd %a %n' {} +
		find . -type f -exec stat -c 'f %a %s %n' {} +
		find . -type l | while IFS= read -r link; do
			printf 'l 777 %s -> %s\n' "$link" "$(readlink "$link")"
		done
		find . ! -type d ! -type f ! -type l -exec stat -c '? %a %n' {} +
		return 0
		;;
	esac
	find . -type d -printf 'd %m %p\n' -o -type f -printf 'f %m %s %p\n' \
		-o -type l -printf 'l 777 %p -> %l\n' -o -printf '? %m %p\n'
}
list_sums() {
	find . -type f -exec sha256sum {} +
}
# Lines that stand either only in the text on stdin or only in the file $1; where, the control
# machine knows. A comparison that did not take place is a difference.
differences() {
	{ sort - "$1" || echo "? 0 .$nl?  ./?"; } | uniq -u
}
# What has another owner or group. $1 owner, $2 group.
list_strangers() {
	find . \( ! -user "$1" -o ! -group "$2" \) -exec stat -c 'o %U:%G %n' {} + || echo 'o ?:? .'
}
# Tells where the current directory deviates from the manifest's text $1.
compare_tree() {
	opens tree_differs
	list_tree | differences "$1" >&3
	closes
	opens strangers
	list_strangers "$owner" "$group" >&3
	closes
}
compare_sums() {
	opens sums_differ
	list_sums | differences "$1" >&3
	closes
}
