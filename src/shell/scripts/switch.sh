# shellcheck shell=sh
# Needs: root.
# shellcheck disable=SC2154
# Makes $1 (releases/NAME, or - for none) current in one atomic step.
switch() {
	[ ! -e "$root/current" ] || [ -L "$root/current" ] || fail mixed "$root/current is not a symbolic link"
	if [ "$1" = - ]; then
		rm -f "$root/current" || fail place "$root/current cannot be removed"
		return 0
	fi
	[ -d "$root/$1" ] || fail gone "$root/$1 is not there"
	ln -sfn "$1" "$root/.current.new" && mv -fT "$root/.current.new" "$root/current" && return 0
	rm -f "$root/.current.new"
	fail place "$root/current cannot be switched"
}
