# shellcheck shell=sh
# Needs: meta.
# shellcheck disable=SC2154
# Appends $1, a line or two, to the site's journal; durably, and so is then the file $2 if given. A
# torn last line (power loss) does not spoil the new one. What was said already, by a script whose
# answer was lost, is not said twice.
note() {
	# The letter keeps the line's own end, or shows that there is none.
	last=$(tail -n 1 "$meta/journal" 2>/dev/null && echo x)
	if [ "$last" != "${1##*"$nl"}${nl}x" ]; then
		case $last in '' | x | *"${nl}x") ;; *) echo >>"$meta/journal" ;; esac
		# Once more for the reason, as in write_line; a line of its own, behind what was begun of this one.
		printf '%s\n' "$1" >>"$meta/journal" 2>/dev/null || printf '\n%s\n' "$1" | cat >>"$meta/journal" ||
			fail write "$meta/journal cannot be written"
	fi
	sync "$meta/journal" ${2:+"$2"} 2>/dev/null || sync
}
