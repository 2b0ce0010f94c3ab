# shellcheck shell=sh
# Makes the root directory of a site; run with the privilege that this takes. The directories
# above it have been judged by the probe: nobody but root and the owner can change them.
# Needs: root owner group.
# shellcheck disable=SC2154
[ -n "$group" ] || group=$(id -gn "$owner")
[ -L "$root" ] && fail mixed "$root is a symbolic link"
install -d -m 755 -o "$owner" -g "$group" "$root" 2>/dev/null && exit 0
# Step by step, to say what cannot be done.
mkdir -p "$root" || fail write "$root cannot be made"
chmod 755 "$root" || fail write "the mode of $root cannot be set"
[ "$(stat -c %U:%G "$root")" = "$owner:$group" ] ||
	chown "$owner:$group" "$root" || fail write "$root cannot be given to $owner:$group"
