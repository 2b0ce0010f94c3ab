# shellcheck shell=sh
# shellcheck disable=SC2154
# What a directory tree is, as lines that can be compared with a manifest. Each function looks
# at the current directory. One process each, never a fork per file (busybox find lacks -printf;
# links are few, so the fallback may fork for them).
list_tree() {
	# A name with a line break could pass for lines of the manifest, and hide what it is.
	[ -z "$(find . -name "*$nl*")" ] || echo 'n 0 .'
	if find . -maxdepth 0 -printf '' 2>/dev/null; then
		find . -type d -printf 'd %m %p\n' -o -type f -printf 'f %m %s %p\n' \
			-o -type l -printf 'l 777 %p -> %l\n' -o -printf '? %m %p\n'
	else
		find . -type d -exec stat -c 'd %a %n' {} +
		find . -type f -exec stat -c 'f %a %s %n' {} +
		find . -type l | while IFS= read -r link; do
			printf 'l 777 %s -> %s\n' "$link" "$(readlink "$link")"
		done
		find . ! -type d ! -type f ! -type l -exec stat -c '? %a %n' {} +
	fi
}
list_sums() {
	find . -type f -exec sha256sum {} +
}
# Lines that stand in only one of two texts; which one, the control machine knows.
differences() {
	sort | uniq -u
}
# What has another owner or group. $1 owner, $2 group.
list_strangers() {
	find . \( ! -user "$1" -o ! -group "$2" \) -exec stat -c 'o %U:%G %n' {} +
}
