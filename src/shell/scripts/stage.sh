# shellcheck shell=sh
# Receives a release, verifies it whole, and puts it beside the others; the lock has been taken.
# Nothing that is live is touched. Stdin: a compressed tar with t/ (new contents), m/ (what to drop
# and add), m/library (our own functions, where the host lacks them) and,
# last, m/end. Needs: root run ttl who expect_current name id salted base base_id library link
# owner group hash unpack (the program that unpacks).
# shellcheck disable=SC2154,SC2086
part=$root/releases/.$name.partial
for left in "$root"/releases/.*.partial; do
	if [ -e "$left" ] || [ -L "$left" ]; then rm -rf "$left"; fi
done
# Until the group is set, files with secrets have that of whoever receives them.
(umask 077 && mkdir "$part") || fail write "$part cannot be made"
# Ours, from a try whose answer was lost: it is not current, and is made again.
[ "$expect_current" = "releases/$name" ] || [ ! -d "releases/$name" ] || rm -rf "releases/$name"
# Not under the mutex: a peer that is gone may be noticed by nobody for hours.
unmutex
$unpack | tar -xmof - -C "$part" || fail upload "the archive could not be unpacked"
mutex
fence "$generation" late
[ -f "$part/m/end" ] || fail upload 'the upload was cut'
if [ -f "$part/m/library" ]; then
	for old in "$meta"/library-*; do [ ! -f "$old" ] || rm -f "$old"; done
	mv "$part/m/library" "$meta/$library"
fi
cd "$part" || fail write "$part cannot be entered"
if [ "$base" = - ]; then
	if [ -d t ]; then mv t r; else mkdir r; fi || fail write "$part/r cannot be made"
	chmod 755 r
	chgrp -hR "$group" r || fail write "the group cannot be set to $group"
else
	{ [ "$link" = yes ] && cp -al "../$base" r 2>/dev/null; } || {
		rm -rf r
		cp -a "../$base" r || fail write "$base cannot be copied"
	}
	if [ -s m/drop ]; then (cd r && xargs -0 rm -rf -- <../m/drop) || fail write 'old files cannot be dropped'; fi
	# Files of the old tree are shared with it, and have their group; directories are new ones.
	set -- r
	[ ! -d t ] || set -- t r
	find "$@" \( -type d -o -path 't/*' \) ! -group "$group" -exec chgrp -h "$group" {} + ||
		fail write "the group cannot be set to $group"
	if [ -d t ] && ! { cp -al t/. r/ 2>/dev/null || cp -a t/. r/; }; then
		fail write 'new files cannot be put in place'
	fi
fi

manifests=$meta/manifests
# The manifest is for nobody else to read, and goes to the others in one step each.
umask 077
kept=m/$id
# What comes, and what was there but what goes, which now stands there twice. All three texts at
# once, told apart by how their lines begin.
set -- m/*.add
[ "$base" = - ] || set -- "$manifests/$base_id".* m/*.drop m/*.add
sort "$@" | uniq -u | sed -n "/^[dfl] /{
w $kept.tree
b
}
/^[0-9a-f]\{64\}  /{
w $kept.sums
b
}
w $kept.about" || fail write 'the manifest cannot be written'
got=$(cat "$kept.tree" "$kept.sums" "$kept.about" | sha256sum)
got=${got%% *}
if [ "$salted" = yes ]; then
	if [ -f m/salt ] && [ ! -f "$meta/salt" ]; then
		{ cat m/salt >"$meta/salt.new" && mv "$meta/salt.new" "$meta/salt"; } || fail write "$meta/salt cannot be written"
	fi
	read -r salt <"$meta/salt" || fail stale "$meta/salt is gone"
	got=$(printf '%s%s' "$salt" "$got" | sha256sum)
	got=${got%% *}
fi
[ "$got" = "$id" ] || fail manifest "the manifest came out as $got, not as $id"

cd r || fail write "$part/r cannot be entered"
# Each list ends with its `=`; what is not said to its end is not equal.
wrong="=$nl="
bad='='
if ! is_tree "../$kept.tree" || ! are_sums "../$kept.sums"; then
	wrong=$(
		list_tree | differences "../$kept.tree"
		list_strangers "$owner" "$group"
	)
	bad=$(list_sums | differences "../$kept.sums")
fi
if [ "$wrong" != "=$nl=" ] || [ "$bad" != '=' ]; then
	opens tree_differs && printf '%s\n' "$wrong" >&3 && closes
	opens sums_differ && printf '%s\n' "$bad" >&3 && closes
	fail verify 'the staged files are not what was sent'
fi
cd "$root" || fail write "$root cannot be entered"
enforced=
[ ! -r /sys/fs/selinux/enforce ] || read -r enforced </sys/fs/selinux/enforce || :
if [ "$enforced" = 1 ] && command -v restorecon >/dev/null 2>&1; then
	restorecon -R "$part/r" || fail write 'SELinux labels cannot be set'
fi
mv -f "$part/$kept.tree" "$part/$kept.sums" "$part/$kept.about" "$manifests/" || fail write 'the manifest cannot be kept'
sync -f "$part" 2>/dev/null || sync
mv -T "$part/r" "$root/releases/$name" || fail write "releases/$name cannot be made"
rm -rf "$part"
renew_lock
tell staged "$name"
