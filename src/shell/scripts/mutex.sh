# shellcheck shell=sh
# The mutex serialises scripts on this host for as long as one of them runs. Needs: meta.
# shellcheck disable=SC2154
mutex() {
	waited=0
	# A redirection that fails in exec would end the shell without a word.
	[ -w "$meta/mutex" ] || (: >>"$meta/mutex") || fail denied "$meta/mutex cannot be opened"
	exec 9>>"$meta/mutex"
	# Said once more for shells that keep descriptors above 2 to themselves.
	until flock -n 9 9>&9; do turn; done
}
unmutex() { exec 9>&-; }
turn() {
	[ "$waited" -lt 100 ] || fail busy 'another script of fleetctl has been at work here for 20 s'
	# Not every sleep knows fractions.
	if sleep 0.2 2>/dev/null; then
		waited=$((waited + 1))
	else
		sleep 1
		waited=$((waited + 5))
	fi
}
