# shellcheck shell=sh
# Removes what is not needed any more and gives the lock back, which is known to be ours.
# Needs: root meta run releases undos (names, separated by spaces).
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
here=$(readlink current)
for left in releases/.*.partial; do
	if [ -e "$left" ] || [ -L "$left" ]; then rm -rf "$left"; fi
done
for release in $releases; do
	[ "releases/$release" = "$here" ] || rm -rf "releases/$release"
done
# Manifests go with the last release that they are of.
for text in "$meta"/manifests/*.*; do
	id=${text##*/}
	for release in releases/*-"${id%"${id#????????????}"}"; do
		[ -d "$release" ] || rm -f "$text"
		break
	done
done
for undo in $undos; do rm -rf "$meta/undo/$undo"; done
rm -f "$meta/lock"
tell released "$run"
