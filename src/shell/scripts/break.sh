# shellcheck shell=sh
# Breaks a lock that a person has judged dead. Its owner, if it lives, is fenced out: the
# generation rises. Needs: root held (the run that the person was shown).
# shellcheck disable=SC2154
mutex
read_lock
[ -n "$lock_run" ] || {
	tell broken -
	exit 0
}
[ "$lock_run" = "$held" ] || fail stale "the lock now belongs to $lock_run"
put generation "$((generation + 1))"
rm -f "$meta/lock"
tell broken "$lock_run"
