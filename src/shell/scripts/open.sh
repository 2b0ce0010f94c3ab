# shellcheck shell=sh
# Opens every script: answers go to descriptor 3 (the real stdout) between two lines that carry
# a random marker, so that what login shells print is never taken for an answer. Whatever other
# programs print goes to stderr. Needs: marker.
# shellcheck disable=SC2154
exec 3>&1 1>&2
PATH="${PATH:-/usr/bin:/bin}:/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
LC_ALL=C
export PATH LC_ALL
# With it, cd would go elsewhere, and tell.
unset CDPATH
umask 022
nl='
'
tab='	'
trap 'status=$?; trap - 0; printf "\n%s end %s\n" "$marker" "$status" >&3; exit "$status"' 0
trap 'exit 129' 1
trap 'exit 130' 2
trap 'exit 143' 15
printf '\n%s begin\n' "$marker" >&3
# One answer. A value with a line break could forge a second answer: it is not passed on.
tell() {
	case $2 in *"$nl"*) set -- "$1" '(text with a line break)' ;; esac
	printf '%s\t%s\n' "$1" "$2" >&3
}
# A text of several lines: whatever goes to descriptor 3 between these two.
opens() { printf '%s < %s\n' "$marker" "$1" >&3; }
closes() { printf '\n%s >\n' "$marker" >&3; }
# A small file of ours, read without a process: each costs a host about a millisecond.
lines_of() {
	opens "$1"
	while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line" >&3; done <"$2"
	closes
}
# Ends the script with a reason that the control machine knows how to tell.
fail() {
	tell fail "$1$tab$2"
	exit 9
}
