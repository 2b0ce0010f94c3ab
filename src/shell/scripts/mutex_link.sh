# shellcheck shell=sh
# The mutex where there is no flock (busybox): a symbolic link, which is made and filled in one
# step. Only the one process that made `mutex.break.X` may remove a dead X. Needs: meta boot.
# shellcheck disable=SC2154,SC2034
# Sets started to the start time of process $1, in ticks since boot: with the number, a name that
# is never used twice. Nothing when there is no such process.
started_at() {
	started=
	[ -r "/proc/$1/stat" ] && read -r started 2>/dev/null <"/proc/$1/stat" || return 0
	started=${started##*\) }
	# shellcheck disable=SC2086
	set -- $started
	shift 19
	started=$1
}
# Whether the owner that $1 names (PID.START.BOOT) is no more.
is_dead() {
	other_start=${1#*.}
	started_at "${1%%.*}"
	[ "${1##*.}" != "$boot" ] || [ "${other_start%%.*}" != "$started" ]
}
command -v flock >/dev/null 2>&1 || {
	mutex() {
		waited=0
		started_at $$
		mutex_owner=$$.$started.$boot
		until ln -s "$mutex_owner" "$meta/mutex.link" 2>/dev/null; do
			other=$(readlink "$meta/mutex.link") || {
				[ -w "$meta" ] || fail denied "$meta cannot be written"
				turn
				continue
			}
			if is_dead "$other"; then
				if ln -s "$mutex_owner" "$meta/mutex.break.$other" 2>/dev/null; then
					[ "$(readlink "$meta/mutex.link")" = "$other" ] && rm -f "$meta/mutex.link"
					rm -f "$meta/mutex.break.$other"
					continue
				fi
				# Who broke it may have died over it, too.
				breaker=$(readlink "$meta/mutex.break.$other") && is_dead "$breaker" && rm -f "$meta/mutex.break.$other"
			fi
			turn
		done
		trap 'status=$?; trap - 0; unmutex; printf "\n%s end %s\n" "$marker" "$status" >&3; exit "$status"' 0
	}
	unmutex() {
		[ "$(readlink "$meta/mutex.link")" = "$mutex_owner" ] && rm -f "$meta/mutex.link"
	}
}
