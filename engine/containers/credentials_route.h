// What a task asks of the engine besides AWS's own operations.
#pragma once

#include <string_view>

#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::containers {

// GET /_kiban/tasks/credentials/ID: the task role's credentials, as the SDKs' container provider
// wants them. docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
constexpr std::string_view credentials_path = "/_kiban/tasks/credentials/";

// `account` and `region` are the server's. `kernel` outlives the handler.
runtime::Handler make_credentials_route(runtime::KernelThread& kernel, std::string account,
                                        std::string region);

}  // namespace kiban::containers
