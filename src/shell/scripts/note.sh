# shellcheck shell=sh
# Needs: meta.
# shellcheck disable=SC2154
# Appends $1, a line or two, to the site's journal, durably. A torn last line (power loss) does not spoil the
# new one. What was said already, by a script whose answer was lost, is not said twice.
note() {
	last=$(tail -n 1 "$meta/journal" 2>/dev/null)
	[ "$last" != "${1##*"$nl"}" ] || return 0
	[ -s "$meta/journal" ] && [ -n "$(tail -c 1 "$meta/journal")" ] && echo >>"$meta/journal"
	printf '%s\n' "$1" >>"$meta/journal" || fail write "$meta/journal cannot be written"
	sync "$meta/journal" 2>/dev/null || sync
}
