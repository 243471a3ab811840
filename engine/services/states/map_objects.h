// What a distributed Map reads from S3 and writes there.
#pragma once

#include "asl/interpreter.h"
#include "services/base/service.h"

namespace kiban::services::states {

struct ItemsFound {
  json::value items{};  // An array, or an object whose entries are the items.
  std::vector<asl::ItemSource> sources{};
};

// `as` is the state machine's role. Error States.ItemReaderFailed.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
Result<ItemsFound> read_items(Context& context, const asl::ReadItems& reading, const Caller& as);

// `children` are the rows of the map run's executions, in the order of their items, `pending` the
// inputs of those that were not started. What the Map state returns:
// {"MapRunArn", "ResultWriterDetails"}, or the results themselves when nothing is to be exported.
// Error States.ResultWriterFailed.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
Result<json::value> write_results(Context& context, const asl::WriteResults& writing,
                                  const std::vector<json::object>& children,
                                  const std::vector<Payload>& pending, const Caller& as);

}  // namespace kiban::services::states
