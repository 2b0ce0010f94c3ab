# shellcheck shell=sh
# Needs: lock.sh.
# shellcheck disable=SC2154
# Goes on only while the lock is ours, and renews it. $1 the generation we were given, $2 `late`
# where it is enough that nobody else has taken it since: for what touches nothing live.
fence() {
	read_lock
	if [ "$lock_run:$lock_generation:$generation" != "$run:$1:$1" ]; then
		[ "${lock_run:-$run}" = "$run" ] || fail overtaken "our lease ended, and run $lock_run has taken the site over"
		[ "$generation" = "$1" ] || fail overtaken 'our lease ended or was broken, and the site has gone on without us'
		fail fenced 'our host lock is gone'
	fi
	if [ "$2" != late ]; then
		[ "$lock_boot" = "$boot" ] || fail fenced 'the host was restarted since the lock was taken'
		[ "$up" -lt "$lock_until" ] || fail fenced "our lease ended $((up - lock_until)) s ago"
	fi
	renew_lock
}
