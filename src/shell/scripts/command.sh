# shellcheck shell=sh
# A command of the user's. $1 what it is called in messages, $2 its deadline in seconds, $3 the text.
command_of() {
	tell running "$1"
	if command -v timeout >/dev/null 2>&1; then
		timeout -k 5 "$2" sh -c "$3" 3>&- 9>&- </dev/null
	else
		sh -c "$3" 3>&- 9>&- </dev/null
	fi || fail command "$1: exit status $?"
	tell ran "$1"
}
