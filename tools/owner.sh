# Sourced by ./run and tools/setup. Under sudo, `as_owner COMMAND…` runs a command as the user who
# called sudo, so that compilers, npm and pip do not run as root. Otherwise it runs the command as it is.
owner=()
if [ "$(id -u)" = 0 ] && [ "${SUDO_UID:-0}" != 0 ]; then
  owner=(setpriv --reuid="$SUDO_UID" --regid="$SUDO_GID" --init-groups
    env HOME="$(getent passwd "$SUDO_UID" | cut -d: -f6)" USER="${SUDO_USER:-}")
fi
as_owner() { "${owner[@]}" "$@"; }

# A folder that an earlier run made as root cannot be written to by that user.
check_owner() { # FOLDER…
  local folder
  for folder in "$@"; do
    [ ! -e "$folder" ] || as_owner test -w "$folder" || {
      printf 'kiban: %s belongs to another user than %s. Run: sudo chown -R %s %s\n' \
        "$folder" "$SUDO_USER" "$SUDO_USER" "$folder" >&2
      exit 1
    }
  done
}
