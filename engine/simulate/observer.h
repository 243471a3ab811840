// Records a service's operations, timers and outcomes in the ledger.
#pragma once

#include <memory>

#include "services/base/service.h"
#include "simulate/ledger.h"

namespace kiban::simulate {

// `doings` outlives the service.
std::unique_ptr<services::Service> observe(std::unique_ptr<services::Service> service,
                                           Doings& doings);

}  // namespace kiban::simulate
