# shellcheck shell=sh
# Reads a release that is there already, byte by byte, before it is made current again.
# Needs: root meta name id owner group.
# shellcheck disable=SC2154
manifest=$meta/manifests/$id
[ -f "$manifest.tree" ] || fail gone "the manifest of $name is not there any more"
block tree <"$manifest.tree"
block sums <"$manifest.sums"
block about <"$manifest.about"
while IFS=$tab read -r kind at _; do
	[ "$kind" = link ] && look "$at"
done <"$manifest.about"
cd "$root/releases/$name" || fail gone "releases/$name is not there any more"
{ list_tree; cat "$manifest.tree"; } | differences | block tree_differs
list_strangers "$owner" "$group" | block strangers
{ list_sums; cat "$manifest.sums"; } | differences | block sums_differ
tell present "$name"
