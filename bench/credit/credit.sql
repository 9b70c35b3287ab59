-- Credit of all opportunities under five models, exact to the cent, per channel and campaign.
--
-- The same definition as `stats::credit`: whole-number weights; each part is rounded down and the cents
-- that are left go to the largest remainders, ties to the earlier touch. Touches at one instant are
-- ordered by channel and campaign. Written for speed: the window of each opportunity is a hash join with
-- a filter; the split of the linear model and the weights of W (3 parts each for first, lead and
-- opportunity, 1 for the others together) are closed forms, so that only the two models that need a
-- rank of remainders pay for one.
WITH pairs AS (
    SELECT
        o.opportunity_id AS deal,
        o.amount_minor AS amount,
        o.lead_created_at AS lead_at,
        t."at" AS touched_at,
        t.channel,
        t.campaign
    FROM opportunities AS o
    JOIN touches AS t
        ON t.account = o.account
        AND t."at" BETWEEN o.created_at - INTERVAL 90 DAY AND o.created_at
),
numbered AS (
    SELECT
        deal,
        amount,
        channel,
        campaign,
        row_number() OVER in_time AS i,
        count(*) OVER of_deal AS n,
        -- The lead's touch is the last one that is not after it; 0: there is none.
        count(*) FILTER (WHERE touched_at <= lead_at) OVER of_deal AS lead,
        (epoch_us(max(touched_at) OVER of_deal) - epoch_us(touched_at))::DOUBLE AS age
    FROM pairs
    WINDOW
        of_deal AS (PARTITION BY deal),
        in_time AS (PARTITION BY deal ORDER BY touched_at, channel, campaign)
),
weighted AS (
    SELECT
        deal,
        amount,
        channel,
        campaign,
        i,
        n,
        round(268435456.0 * pow(2.0, -age / (604800.0 * 1e6)))::BIGINT AS decay_weight,
        -- The opportunity's touch is the last one, because the window ends there.
        3 * (i = 1)::BIGINT + 3 * (i = lead)::BIGINT + 3 * (i = n)::BIGINT AS placed,
        n - 1 - (n > 1)::BIGINT - (lead > 1 AND lead < n)::BIGINT AS n_others,
        6 + 3 * (lead > 0)::BIGINT AS placed_total
    FROM numbered
),
totalled AS (
    SELECT
        *,
        sum(decay_weight) OVER (PARTITION BY deal)::BIGINT AS decay_total,
        CASE WHEN n_others = 0 THEN placed WHEN placed = 0 THEN 1 ELSE placed * n_others END
            AS w_weight,
        CASE WHEN n_others = 0 THEN placed_total ELSE (placed_total + 1) * n_others END AS w_total
    FROM weighted
),
floored AS (
    SELECT
        deal,
        amount,
        channel,
        campaign,
        i,
        n,
        (amount * decay_weight) // decay_total AS decay_floor,
        (amount * decay_weight) % decay_total AS decay_remainder,
        (amount * w_weight) // w_total AS w_floor,
        (amount * w_weight) % w_total AS w_remainder
    FROM totalled
),
ranked AS (
    SELECT
        *,
        row_number() OVER (PARTITION BY deal ORDER BY decay_remainder DESC, i) AS decay_rank,
        amount - sum(decay_floor) OVER of_deal AS decay_left,
        row_number() OVER (PARTITION BY deal ORDER BY w_remainder DESC, i) AS w_rank,
        amount - sum(w_floor) OVER of_deal AS w_left
    FROM floored
    WINDOW of_deal AS (PARTITION BY deal)
)
SELECT
    channel,
    campaign,
    sum(CASE WHEN i = 1 THEN amount ELSE 0 END)::BIGINT AS first,
    sum(CASE WHEN i = n THEN amount ELSE 0 END)::BIGINT AS last,
    sum(amount // n + (i <= amount % n)::BIGINT)::BIGINT AS linear,
    sum(decay_floor + (decay_rank <= decay_left)::BIGINT)::BIGINT AS time_decay,
    sum(w_floor + (w_rank <= w_left)::BIGINT)::BIGINT AS w_shaped
FROM ranked
GROUP BY channel, campaign
ORDER BY channel, campaign
