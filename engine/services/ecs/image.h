// Images as task definitions name them, out of kiban's own ECR.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services::ecs {

struct Image {
  std::string manifest{};  // Of one platform, never an index.
  std::string digest{};    // "sha256:…", of what the name led to.
};

// Asked of ECR as `role`. The error's cause is a task's stoppedReason: CannotPullContainerError
// when there is no such image, or another error's name when the role is refused.
Result<Image> resolve_image(Context& context, std::string_view name, const Caller& role);

}  // namespace kiban::services::ecs
