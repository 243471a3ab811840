// Amazon SNS: topics delivering to SQS queues, HTTP(S) endpoints and mail addresses.
// https://docs.aws.amazon.com/sns/latest/api/welcome.html
//
// A queue gets its message in the batch that published it: exactly once. An HTTP endpoint is posted
// to by the effect `http.post`, confirmed first, retried three times 20 s apart (the documented
// default policy), at least once across a crash under the same MessageId. A mail goes by the effect
// `mail.send`, confirmed first too (mail.h). Filter policies (filter.h) hold for all. A FIFO topic
// delivers to queues. Other protocols are refused by name. Messages are signed by their effects'
// performers.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::sns {

std::unique_ptr<Service> make_sns();

}  // namespace kiban::services::sns
