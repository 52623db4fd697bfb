# How a running server is.

if ! listens "$health_port"; then echo "health=not listening on port $health_port"
elif command -v curl >/dev/null 2>&1; then
    code=$(curl -s -o /dev/null -w '%{http_code}' --noproxy '*' --max-time 10 "http://$health_host:$health_port/health")
    if [ "$code" = 200 ]; then echo health=ok; else echo "health=/health answers $code"; fi
else echo health=ok
fi
