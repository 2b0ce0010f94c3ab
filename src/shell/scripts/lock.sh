# shellcheck shell=sh
# The host lock: a lease that outlives scripts, read and written under the mutex. Its deadline is
# in the host's own uptime beside the boot id, so that no clock can expire it; its generation
# rises with each new owner. Needs: root run ttl.
# shellcheck disable=SC2154,SC2034
meta=$root/.fleetctl
boot=unknown
read -r boot </proc/sys/kernel/random/boot_id
# Reads the lock into lock_*; lock_run is empty when there is none. What a power failure has left
# empty or torn counts as not there.
read_lock() {
	lock_run=
	if [ -f "$meta/lock" ]; then
		IFS=$tab read -r lock_run lock_generation lock_boot lock_until lock_rest <"$meta/lock" || lock_run=
	fi
	generation=
	[ -f "$meta/generation" ] && read -r generation <"$meta/generation"
	case $generation in '' | *[!0-9]*) generation=0 ;; esac
	read -r up _ </proc/uptime
	up=${up%.*}
}
# Writes the line $2 to the file $1. Where that fails it is tried once more, for the reason: a
# shell's own printf knows no better than "I/O error".
write_line() {
	printf '%s\n' "$2" 2>/dev/null >"$1" || printf '%s\n' "$2" | cat >"$1"
}
# Replaces the file $1 by the line $2 in one step.
put() {
	if ! write_line "$meta/$1.new" "$2" || ! mv -f "$meta/$1.new" "$meta/$1"; then fail write "$meta/$1 cannot be written"; fi
}
# Writes the lease anew, from now on. $1 who and what. Only under the mutex, by the lock's owner.
write_lock() {
	read -r up _ </proc/uptime
	lock_until=$((${up%.*} + ttl))
	put lock "$run$tab$generation$tab$boot$tab$lock_until$tab$1"
}
# The same for the lease that was read. One that has most of its time left is good as it is: a step
# takes seconds, and writing is a process. A sixth that is gone, and two thirds until the renewal
# after one that was lost: that leaves a sixth.
renew_lock() {
	read -r up _ </proc/uptime
	if [ "$lock_boot" != "$boot" ] || [ $(((lock_until - ${up%.*}) * 6)) -lt $((ttl * 5)) ]; then
		write_lock "$lock_rest"
	fi
}
