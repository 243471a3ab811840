// A customer's key that a service uses for its caller: the caller needs the right to it.
// https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/base/service.h"

namespace kiban::services {

struct KeyUse {
  std::string key{};                        // Id, alias or ARN; empty: AWS's own key.
  std::string_view service{};               // "secretsmanager", for kms:ViaService.
  std::vector<std::string_view> actions{};  // "kms:Decrypt"
  std::vector<std::pair<std::string, std::string>> encryption_context{};
};

// Decides the use of the key as the caller of this operation, with kms:ViaService,
// kms:CallerAccount and the encryption context as condition keys. AWS's own keys
// (alias/aws/SERVICE) may be used by everyone through their service. A key that is not there is
// left to the service: its checks tell it. The error is the refusal.
Result<void> use_key(Context& context, const KeyUse& use);

}  // namespace kiban::services
