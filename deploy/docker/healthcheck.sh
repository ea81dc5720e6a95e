#!/usr/bin/env bash
# Exit status 0 while the server serves: asks /readyz on the HTTP listener, with nothing but bash.
address=${SNAPVIT_HTTP:-127.0.0.1:8080}
exec 3<>"/dev/tcp/127.0.0.1/${address##*:}" || exit 1
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r _ code _ <&3
[[ $code == 200 ]]
