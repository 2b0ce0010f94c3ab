# shellcheck shell=bash disable=SC2028 # the escapes are meant to reach the reader as they are
echo "*** Welcome to this machine. All activity is logged. ***"
echo "stty: 'standard input': Inappropriate ioctl for device" >&2
printf 'no newline at the end of this'
printf '\033]0;title\007' >&2
