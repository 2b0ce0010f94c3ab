# shellcheck shell=sh
# Makes what a site's root must have before there can be a lock. Needs: root meta.
# shellcheck disable=SC2154
cd "$root" || fail write "$root cannot be entered"
(umask 077 && mkdir -p "$meta/manifests" "$meta/undo" && chmod 700 "$meta") || fail write "$meta cannot be made"
mkdir -p releases || fail write "$root/releases cannot be made"
chmod g-s releases || fail write "$root/releases cannot be set up"
