# shellcheck shell=sh
# The way of one activation: undo material first, then the intent in the journal, then changes.
# Written around the operations that the control machine has put into before_switch and
# after_switch. User commands may take longer than the lease: it is renewed behind them, before
# the mutex is given back. Needs: root run ttl generation name previous record intent.
# shellcheck disable=SC2154
obstacle() { fail place "$1"; }
cd "$root" || fail write "$root cannot be entered"
mutex
fence "$generation"
here=$(readlink current)
if [ "$here" != "$previous" ] && [ "$here" != "releases/$name" ]; then
	fail stale "current is now $root/$here"
fi
undo=$meta/undo/$name
umask 077
[ -d "$undo" ] || mkdir -p "$undo" || fail write "$undo cannot be made"
if ! write_line "$undo/record.new" "$record" || ! mv -f "$undo/record.new" "$undo/record"; then
	fail write "$undo/record cannot be written"
fi
umask 022
cd "$root/releases/$name" || fail gone "releases/$name is not there"
before_commands
note "$intent" "$undo/record"
tell begun "$name"
before_switch
switch "releases/$name"
after_switch
tell activated "$name"
reload_services
renew_lock
