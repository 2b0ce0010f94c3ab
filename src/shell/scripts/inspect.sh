# shellcheck shell=sh
# Reads a release that is there already, byte by byte, before it is made current again.
# Needs: root meta name id owner group hash.
# shellcheck disable=SC2154
manifest=$meta/manifests/$id
for text in tree sums about; do
	[ -f "$manifest.$text" ] || fail gone "the manifest of $name is not there any more"
done
opens tree
cat "$manifest.tree" >&3
closes
opens sums
cat "$manifest.sums" >&3
closes
lines_of about "$manifest.about"
while IFS=$tab read -r kind at _; do
	[ "$kind" = link ] && look "$at"
done <"$manifest.about"
cd "$root/releases/$name" || fail gone "releases/$name is not there any more"
compare_tree "$manifest.tree"
compare_sums "$manifest.sums"
tell present "$name"
