// Functions: made, changed, listed, tagged, deleted.
//
// A function is Active with the batch that keeps it. As AWS does, CreateFunction answers Pending
// and updates answer InProgress; whoever asks next is shown Active and Successful.
#pragma once

#include "services/base/table_service.h"

namespace kiban::services::lambda {

OperationTable function_operations();

}  // namespace kiban::services::lambda
