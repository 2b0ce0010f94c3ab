# shellcheck shell=sh
# Reads everything that a plan wants to know of one site, and writes nothing.
# Needs: root owner group want thorough; ask, with a line `have DIGEST12` for each manifest that the
# control machine knows, and `at PATH` for each link to look at. Not on stdin: sshd opens that
# only when the command runs, so it would cost a round trip.
# shellcheck disable=SC2154
meta=$root/.fleetctl

for tool in cat chgrp chmod cp df find gzip head id ln mkdir mv readlink rm rmdir sha256sum sort stat sync tail tar tr uniq xargs; do
	command -v "$tool" >/dev/null 2>&1 || tell missing "$tool"
done
command -v flock >/dev/null 2>&1 && tell flock yes
case $(mv -T 2>&1) in *nvalid* | *nrecognized* | *llegal*) tell missing 'mv -T' ;; esac

tell user "$(id -un)"
tell uid "$(id -u)"
tell gid "$(id -g)"
tell groups "$(id -Gn)"
tell primary "$(id -gn)"
read -r boot </proc/sys/kernel/random/boot_id && tell boot "$boot"
read -r up _ </proc/uptime && tell uptime "${up%.*}"
tell clock "$(date +%s)"

# The directories above the root, by name and as they really are: who could change them?
near=$root
while [ -n "$near" ] && [ ! -d "$near" ]; do near=${near%/*}; done
tell near "${near:-/}"
real=$(cd -P "${near:-/}" 2>/dev/null && pwd -P)
for start in "$near" "$real"; do
	while [ -n "$start" ] && [ "$start" != / ]; do
		printf '%s\0' "$start"
		start=${start%/*}
	done
	printf '/\0'
done | xargs -0 stat -c 'above%u:%g:%a %n' | sort -u | while IFS= read -r line; do
	tell above "${line#above}"
done
[ -w "${near:-/}" ] && tell near_writable yes
tell space "$(df -Pk "${near:-/}" 2>/dev/null | tail -n 1)"
tell inodes "$(df -Pi "${near:-/}" 2>/dev/null | tail -n 1)"

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
tell root "$(stat -c '%U:%G:%a' "$root")"
if [ -d "$meta" ] && [ ! -x "$meta" ]; then
	fail denied "$meta cannot be entered by $(id -un): it belongs to $(stat -c %U "$meta")"
fi
for release in "$root"/releases/* "$root"/releases/.*.partial; do
	[ -d "$release" ] && tell release "${release##*/}"
done
[ -f "$meta/generation" ] && read -r generation <"$meta/generation" && tell generation "$generation"
[ -f "$meta/salt" ] && read -r salt <"$meta/salt" && tell salt "$salt"
for text in "$meta"/library-*; do
	[ -f "$text" ] && tell library "$(sha256sum "$text")"
done
[ -f "$meta/lock" ] && block lock <"$meta/lock"
[ -f "$meta/journal" ] && tail -n 400 "$meta/journal" | block journal
for record in "$meta"/undo/*/record; do
	[ -f "$record" ] && block undo <"$record"
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
body=$(cat "$manifest.tree" "$manifest.sums" "$manifest.about" | sha256sum)
body=${body%% *}
tell manifest "$id"
tell body "$body"
block about <"$manifest.about"
while IFS=$tab read -r kind at _; do
	[ "$kind" = link ] && look "$at"
done <"$manifest.about"
case $known in *" $short "*) ;; *)
	# Above a megabyte it is not worth the way: then everything is sent anew.
	if [ "$body" != "$want" ] && [ "$(stat -c %s "$manifest.tree")" -lt 1000000 ]; then
		block tree <"$manifest.tree"
		block sums <"$manifest.sums"
	fi
	;;
esac
cd "$root/releases/$name" 2>/dev/null || exit 0
tell present "$name"
{ list_tree; cat "$manifest.tree"; } | differences | block tree_differs
list_strangers "$owner" "$group" | block strangers
if [ "$body" = "$want" ] || [ "$thorough" = yes ]; then
	{ list_sums; cat "$manifest.sums"; } | differences | block sums_differ
fi
