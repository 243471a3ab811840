// AWS Lambda: functions, their versions and aliases, and what invokes them.
// https://docs.aws.amazon.com/lambda/latest/api/welcome.html
//
// - Functions run on a host (host.h), as effects. An event that was accepted survives a crash and
//   runs at least once; a synchronous invocation whose caller is gone with the server does not run
//   again.
// - Event sources are SQS queues. Destinations are SQS, SNS, Lambda and EventBridge.
// - Refused by name: code signing, SnapStart, file systems, durable functions, capacity providers,
//   tenants, function URLs, response streaming, Lambda@Edge, runtimes that the host lacks.
// - VpcConfig is kept and shown, without an effect on the function's network; KMSKeyArn must name
//   an enabled key, and encrypts nothing beyond the key of the data directory.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "services/base/service.h"

namespace kiban::services::lambda {

struct Options {
  // Folders that are run instead of the code of functions, by the functions' names.
  std::map<std::string, std::string> code_folders{};
};

std::unique_ptr<Service> make_lambda();
std::unique_ptr<Service> make_lambda_with(Options options);

}  // namespace kiban::services::lambda
