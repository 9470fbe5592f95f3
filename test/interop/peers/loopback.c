/*
 * LD_PRELOAD for servers that can only listen on all addresses: they listen on 127.0.0.1, on a free port,
 * and print which one.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

int bind(int socket, const struct sockaddr *address, socklen_t length)
{
    int (*next)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");

    if (address->sa_family == AF_INET6) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    if (address->sa_family != AF_INET)
        return next(socket, address, length);
    struct sockaddr_in loopback = *(const struct sockaddr_in *) address;
    loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loopback.sin_port = 0;
    return next(socket, (struct sockaddr *) &loopback, sizeof loopback);
}

int listen(int socket, int backlog)
{
    int (*next)(int, int) = dlsym(RTLD_NEXT, "listen");
    int result = next(socket, backlog);
    struct sockaddr_in own;
    socklen_t length = sizeof own;

    if (result == 0 && getsockname(socket, (struct sockaddr *) &own, &length) == 0)
        fprintf(stderr, "LISTENING ON %d\n", ntohs(own.sin_port));
    return result;
}
