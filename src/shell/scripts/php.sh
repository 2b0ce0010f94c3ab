# shellcheck shell=sh
# Whether a php-fpm may run here, as far as one without root's rights can see: sudo, which costs a
# host more than all the rest of a reload, is then spared where there is none.
php_may_run() {
	for pid in /run/php/*.pid /run/php-fpm/*.pid /run/php-fpm.pid /var/run/php-fpm.pid; do
		[ ! -e "$pid" ] || return 0
	done
	for place in /run/php /run/php-fpm; do
		[ ! -d "$place" ] || { [ -r "$place" ] && [ -x "$place" ]; } || return 0
	done
	return 1
}
