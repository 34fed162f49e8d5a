/* SPDX-License-Identifier: Apache-2.0
 *
 * Mean and standard deviation, in RGB order, of the data sets that image models are trained on, as
 * transformers and timm name them. Initialisers for a double[3]. Private to src/model.
 */
#ifndef SITU_MODEL_STATISTICS_H
#define SITU_MODEL_STATISTICS_H

/* IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD */
#define IMAGENET_MEAN                                                                              \
    {                                                                                              \
        0.485, 0.456, 0.406                                                                        \
    }
#define IMAGENET_STD                                                                               \
    {                                                                                              \
        0.229, 0.224, 0.225                                                                        \
    }

/* IMAGENET_STANDARD_MEAN, IMAGENET_STANDARD_STD (timm: IMAGENET_INCEPTION_*) */
#define HALF_MEAN                                                                                  \
    {                                                                                              \
        0.5, 0.5, 0.5                                                                              \
    }
#define HALF_STD                                                                                   \
    {                                                                                              \
        0.5, 0.5, 0.5                                                                              \
    }

/* OPENAI_CLIP_MEAN, OPENAI_CLIP_STD */
#define CLIP_MEAN                                                                                  \
    {                                                                                              \
        0.48145466, 0.4578275, 0.40821073                                                          \
    }
#define CLIP_STD                                                                                   \
    {                                                                                              \
        0.26862954, 0.26130258, 0.27577711                                                         \
    }

#endif
