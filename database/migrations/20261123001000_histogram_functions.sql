-- migrate:up

CREATE FUNCTION histogram_buckets(buckets numeric)
RETURNS TABLE (index integer, lower double precision, upper double precision, count bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT i, power(2, i / 8::double precision), power(2, (i + 1) / 8::double precision), n
    FROM (
        -- Digits before and after the decimal point, filled up to groups of twelve; bucket 0 ends at the point.
        SELECT lpad(whole, 12 * groups, '0') || rpad(fraction, (length(fraction) + 11) / 12 * 12, '0') AS digits, groups
        FROM (SELECT split_part(buckets::text, '.', 1) AS whole, split_part(buckets::text, '.', 2) AS fraction) AS part,
            LATERAL (SELECT (length(whole) + 11) / 12 AS groups) AS size
        OFFSET 0  -- computed once, not once for each bucket: a hundred times faster
    ) AS text_of_number,
        LATERAL (
            SELECT groups - place::integer AS i, match[1]::bigint AS n
            FROM regexp_matches(digits, '.{12}', 'g') WITH ORDINALITY AS found (match, place)
        ) AS bucket
    WHERE n > 0;
END;
COMMENT ON FUNCTION histogram_buckets(numeric) IS
    'The buckets that are not empty: count values lie in (lower, upper]. Of negative_buckets, the values without sign.';

CREATE FUNCTION histogram_quantile(q double precision, buckets numeric, zero_count numeric, negative_buckets numeric)
RETURNS double precision
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = public, pg_temp
AS $$
BEGIN
    IF q NOT BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'the quantile % is not between 0 and 1', q
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The 95th percentile is 0.95.';
    END IF;
    RETURN (
        SELECT value
        FROM (
            SELECT value, sum(n) OVER (ORDER BY value) AS rank_of_last, sum(n) OVER () AS total
            FROM (
                -- The point of a bucket that is equally far, 4.33 %, from both ends.
                SELECT 2 * lower * upper / (lower + upper) AS value, count AS n FROM histogram_buckets(buckets)
                UNION ALL
                SELECT 0, zero_count WHERE zero_count > 0
                UNION ALL
                SELECT -2 * lower * upper / (lower + upper), count FROM histogram_buckets(negative_buckets)
            ) AS cell
        ) AS ranked
        -- As numeric: 0.07 of 100 values is rank 7, where binary fractions would say 8.
        WHERE rank_of_last >= ceil(q::numeric * total)
        ORDER BY value
        LIMIT 1
    );
END
$$;
COMMENT ON FUNCTION histogram_quantile(double precision, numeric, numeric, numeric) IS
    'Nearest-rank quantile: an estimate, at most 4.4 % off, of the value of rank ceil(q * n) among n sorted values (of '
    'rank 1 for q = 0). Null for an empty histogram. For several windows: histogram_quantile(0.95, sum(buckets), '
    'sum(zero_count), sum(negative_buckets)).';

REVOKE ALL ON FUNCTION histogram_buckets(numeric), histogram_quantile(double precision, numeric, numeric, numeric)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION histogram_buckets(numeric), histogram_quantile(double precision, numeric, numeric, numeric)
    TO payments_writer, payments_reader;

-- migrate:down
DO $$ BEGIN RAISE EXCEPTION 'migrations go forward only: correct a mistake with a new one (database/README.md)'; END $$;
