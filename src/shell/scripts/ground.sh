# shellcheck shell=sh
# Makes what a site's root must have before there can be a lock. Needs: root meta.
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
if [ ! -d "$meta/undo" ] || [ ! -d "$meta/manifests" ]; then
	(umask 077 && mkdir -p "$meta/manifests" "$meta/undo" && chmod 700 "$meta") || fail write "$meta cannot be made"
fi
# A directory that hands on its group's bit would give releases other modes than they were made with.
if [ ! -d releases ] || [ -g releases ]; then
	if ! mkdir -p releases || ! chmod g-s releases; then fail write "$root/releases cannot be made"; fi
fi
