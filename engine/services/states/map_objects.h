// What a distributed Map reads from S3 and writes there.
#pragma once

#include "asl/interpreter.h"
#include "services/base/service.h"

namespace kiban::services::states {

// An array, or an object whose entries are the items. `as` is the state machine's role. Error
// States.ItemReaderFailed.
Result<json::value> read_items(Context& context, const asl::ReadItems& reading, const Caller& as);

// `children` are the rows of the map run's executions, in the order of their items. What the Map
// state returns: {"MapRunArn", "ResultWriterDetails"}, or the results themselves when nothing is to
// be exported. Error States.ResultWriterFailed.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
Result<json::value> write_results(Context& context, const asl::WriteResults& writing,
                                  const std::vector<json::object>& children, const Caller& as);

}  // namespace kiban::services::states
