// One step of a scenario against a server with a virtual clock.
#pragma once

#include "cli/client.h"
#include "cli/scenario.h"

namespace kiban::cli {

// Error `Deviated`: the step ended otherwise than it expects; others as the server's operations.
Result<void> perform(const Client& client, const Step& step);

}  // namespace kiban::cli
