// Performs "host.probe", a load balancer's health check of a task: {"Milliseconds": to wait before
// it, "Address", "Port", "ContainerPort", "Path", "Protocol": "HTTP" or "HTTPS", "TimeoutSeconds"}
// to {"Status"} of a GET or {"Error", "Cause"}, the names those of fetch(). After a restart the
// wait begins anew.
#pragma once

#include "runtime/effects.h"
#include "runtime/pauses.h"

namespace kiban::runtime {

// Tasks that are processes of this host have no address of their own: they are asked at 127.0.0.1
// and at their ContainerPort alone, since the port of a health check could be that of any other
// program here.
enum class TaskHost : std::uint8_t { AtItsAddress, ThisHost };

// `fetcher` and `pauses` outlive the performer.
Performer make_probe_performer(Fetcher& fetcher, Pauses& pauses, TaskHost host);

}  // namespace kiban::runtime
