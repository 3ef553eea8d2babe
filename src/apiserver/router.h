/* apiserver/router.h — from a request to its handler: who asks, whether they may, and which
 * function answers. Within the room only. */
#pragma once

#include "apiserver/call.h"

/* Where the call goes on: what may block is handed over to a worker. */
typedef enum {
	API_ROUTE_ANSWERED, /* it has been answered */
	API_ROUTE_DEFERRED, /* api_route_run is to be called on a worker, then api_call_free */
} ApiRoute;

/* Begins a request of `persona`. With API_ROUTE_DEFERRED `call` is filled and yours. `call` has
 * store, watches and garbage set by the caller. */
ApiRoute api_route_begin(ApiCall *call, HttpExchange *exchange);

/* Runs a deferred call to its answer. */
void api_route_run(ApiCall *call);
