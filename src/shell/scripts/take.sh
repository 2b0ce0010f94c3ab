# shellcheck shell=sh
# Takes the host lock, unless somebody holds it or the site is not what the plan was made for.
# Needs: root run ttl who dead (a run whose owner is known to be dead) expect_current
# expect_generation.
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
mutex
read_lock
if [ -n "$lock_run" ] && [ "$lock_run" != "$run" ] && [ "$lock_run" != "$dead" ] &&
	[ "$lock_boot" = "$boot" ] && [ "$up" -lt "$lock_until" ]; then
	fail held "$lock_run$tab$((lock_until - up))$tab$lock_rest"
fi
[ ! -e current ] || [ -L current ] || fail mixed "$root/current is not a symbolic link"
[ "$(readlink current)" = "$expect_current" ] || fail stale "current is now $root/$(readlink current)"
if [ "$lock_run" != "$run" ]; then
	[ "$generation" = "$expect_generation" ] || fail stale "another run has worked here since (generation $generation, not $expect_generation)"
	generation=$((generation + 1))
	put generation "$generation"
fi
write_lock "$who"
tell generation "$generation"
