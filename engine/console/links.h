// The URLs of the console's pages, as console/src/router.ts reads them.
#pragma once

#include <string>
#include <string_view>

namespace kiban::console {

// "/_kiban/console/executions/ARN", percent-encoded where a path needs that.
std::string execution_page(std::string_view execution_arn);

}  // namespace kiban::console
