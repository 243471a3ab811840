// PUT or POST /_kiban/cloudformation/REGION/TOKEN: the response to a custom resource's request, or
// the signal of a wait condition (services/cloudformation/signals.h). Whoever knows the URL may.
#pragma once

#include <string>

#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::cli {

// `kernel` outlives the handler.
runtime::Handler make_signal_route(runtime::KernelThread& kernel, std::string account);

}  // namespace kiban::cli
