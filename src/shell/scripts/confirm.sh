# shellcheck shell=sh
# Makes the current release the confirmed one. Needs: root run ttl generation name confirmed.
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
mutex
mine=$generation
read_lock
if [ -z "$lock_run" ] && [ "$(tail -n 1 "$meta/journal")" = "${confirmed##*"$nl"}" ]; then
	# Done by a script whose answer was lost, which gave back the lock as well.
	tell confirmed "$name"
	exit 0
fi
fence "$mine"
here=$(readlink current)
[ "$here" = "releases/$name" ] || fail stale "current is now $root/$here"
note "$confirmed"
tell confirmed "$name"
cd "releases/$name" || fail gone "releases/$name is not there"
after_commands
renew_lock
