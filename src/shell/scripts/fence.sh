# shellcheck shell=sh
# Needs: lock.sh.
# shellcheck disable=SC2154
# Goes on only while the lock is ours, and renews it. $1 the generation we were given, $2 `late`
# where it is enough that nobody else has taken it since: for what touches nothing live.
fence() {
	read_lock
	[ "$lock_run:$lock_generation:$generation" = "$run:$1:$1" ] ||
		fail fenced "the host lock now belongs to ${lock_run:-nobody} (generation $generation)"
	if [ "$2" != late ]; then
		[ "$lock_boot" = "$boot" ] || fail fenced 'the host was restarted since the lock was taken'
		[ "$up" -lt "$lock_until" ] || fail fenced "our lease ended $((up - lock_until)) s ago"
	fi
	write_lock "$lock_rest"
}
