// AWS Systems Manager: the Parameter Store.
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/Welcome.html
//
// A hundred versions of a parameter are kept, with their labels. A SecureString is stored as
// given (there is no key service to encrypt it) and read without WithDecryption as an opaque text.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::ssm {

std::unique_ptr<Service> make_ssm();

}  // namespace kiban::services::ssm
