# shellcheck shell=sh
# Reads everything that a plan wants to know of one site, and writes nothing.
# Needs: root owner group hash want thorough; ask, with a line `have DIGEST12` for each manifest that the
# control machine knows, and `at PATH` for each link to look at. Not on stdin: sshd opens that
# only when the command runs, so it would cost a round trip.
# shellcheck disable=SC2154
meta=$root/.fleetctl

for tool in cat chgrp chmod cp find gzip id ln mkdir mv readlink rm rmdir sed sha256sum sort stat sync tail tar uniq xargs; do
	command -v "$tool" >/dev/null 2>&1 || tell missing "$tool"
done
for tool in flock zstd; do command -v "$tool" >/dev/null 2>&1 && tell "$tool" yes; done
# Whoever has our library has been staged to, which takes `mv -T`.
set -- "$meta"/library-*
[ -f "$1" ] || case $(mv -T 2>&1) in *nvalid* | *nrecognized* | *llegal*) tell missing 'mv -T' ;; esac

me=$(id)
tell id "$me"
# The names in `uid=1000(deploy) gid=100(domain users) groups=…`; an account may have none.
name_in() {
	case $1 in *\(*) name=${1#*\(} && name=${name%\)*} ;; *) name=${1#*=} ;; esac
}
[ -n "$owner" ] || { name_in "${me%% gid=*}" && owner=$name; }
after=${me#* gid=}
[ -n "$group" ] || { name_in "gid=${after%% groups=*}" && group=$name; }
read -r boot </proc/sys/kernel/random/boot_id && tell boot "$boot"
read -r up _ </proc/uptime && tell uptime "${up%.*}"

# The directories above the root, by name and as they really are: who could change them? And the
# root itself, and what is as old as this script: the host's clock.
near=$root
while [ -n "$near" ] && [ ! -d "$near" ]; do near=${near%/*}; done
near=${near:-/}
tell near "$near"
real=$(cd -P "$near" 2>/dev/null && pwd -P)
set -- /
for start in "$near" "$real"; do
	while [ -n "$start" ] && [ "$start" != / ]; do
		set -- "$@" "$start"
		start=${start%/*}
	done
done
opens stat
stat -c '%u:%g:%a %U:%G:%a %Z %n' "$@" /proc/$$ >&3
closes
[ -w "$near" ] && tell near_writable yes
# Not every stat knows -f, and that of busybox takes one size of blocks for the other: where they
# could differ, df is asked.
room=$(stat -f -c '%a %S %d %c %s' "$near" 2>/dev/null) || room=
case $room in
*' 4096 '*' 4096' | *' 1024 '*' 1024' | *' 512 '*' 512') tell room "$room" ;;
*)
	tell space "$(df -Pk "$near" 2>/dev/null | tail -n 1)"
	tell inodes "$(df -Pi "$near" 2>/dev/null | tail -n 1)"
	;;
esac

known=
IFS=$nl
set -f
for line in $ask; do
	case $line in
	'have '*) known="$known ${line#have } " ;;
	'at '*) look "${line#at }" ;;
	esac
done
set +f
unset IFS

[ -d "$root" ] || exit 0
tell root "$root"
if [ -d "$meta" ] && [ ! -x "$meta" ]; then
	fail denied "$meta cannot be entered by $owner: it belongs to $(stat -c %U "$meta")"
fi
for release in "$root"/releases/* "$root"/releases/.*.partial; do
	[ -d "$release" ] && tell release "${release##*/}"
done
[ -f "$meta/generation" ] && read -r generation <"$meta/generation" && tell generation "$generation"
[ -f "$meta/salt" ] && read -r salt <"$meta/salt" && tell salt "$salt"
[ -f "$meta/lock" ] && lines_of lock "$meta/lock"
if [ -f "$meta/journal" ]; then
	opens journal
	tail -n 400 "$meta/journal" >&3
	closes
fi
for record in "$meta"/undo/*/record; do
	[ -f "$record" ] && lines_of undo "$record"
done

if [ -L "$root/current" ]; then
	current=$(readlink "$root/current")
	tell current "$current"
elif [ -e "$root/current" ]; then
	fail mixed "$root/current is not a symbolic link"
else
	exit 0
fi
name=${current#releases/}
short=${name#*-}
for tree in "$meta/manifests/$short"*.tree; do break; done
[ -f "$tree" ] || exit 0
manifest=${tree%.tree}
id=${manifest##*/}
# One process for all digests.
set -- "$meta"/library-*
[ -f "$1" ] || set --
digests=$(cat "$manifest.tree" "$manifest.sums" "$manifest.about" | sha256sum - "$@")
body=${digests%% *}
tell manifest "$id"
tell body "$body"
opens libraries
printf '%s\n' "$digests" >&3
closes
lines_of about "$manifest.about"
while IFS=$tab read -r kind at _; do
	[ "$kind" = link ] && look "$at"
done <"$manifest.about"
case $known in *" $short "*) ;; *)
	# Above a megabyte it is not worth the way: then everything is sent anew.
	if [ "$body" != "$want" ] && [ "$(stat -c %s "$manifest.tree")" -lt 1000000 ]; then
		opens tree
		cat "$manifest.tree" >&3
		closes
		opens sums
		cat "$manifest.sums" >&3
		closes
	fi
	;;
esac
cd "$root/releases/$name" 2>/dev/null || exit 0
tell present "$name"
compare_tree "$manifest.tree"
if [ "$body" = "$want" ] || [ "$thorough" = yes ]; then
	compare_sums "$manifest.sums"
fi
