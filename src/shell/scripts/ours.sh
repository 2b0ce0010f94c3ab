# shellcheck shell=sh
# Goes on while the lock is ours, and ends well when it is not any more. Needs: root run.
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
mutex
read_lock
[ "$lock_run" = "$run" ] || {
	tell released "$run"
	exit 0
}
