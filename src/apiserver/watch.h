/* apiserver/watch.h — watches: each is a stream of the HTTP server fed by the store. What many
 * watchers see is made into text once. One thread ends them and sends bookmarks. Within the room
 * only. */
#pragma once

#include "apiserver/call.h"

enum {
	API_WATCH_STREAM_BYTES = 32 * 1024 * 1024, /* a watcher that lags further is cut off */
	API_WATCH_BOOKMARK_S = 60,
	API_WATCH_DEFAULT_MIN_S = 1800, /* without timeoutSeconds: so long up to twice that */
};

/* Yours, or NULL with an error. */
ApiWatches *api_watches_new(Store *store, GError **error);

/* Ends every watch. No api_watch may be running. NULL is nothing. */
void api_watches_free(ApiWatches *watches);

/* Answers the call with a watch. */
ApiStatus *api_watch(ApiCall *call);
